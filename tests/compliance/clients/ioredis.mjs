// What ioredis does with Penstock; run by test_node_clients.py.
//   node ioredis.mjs 2|3|default OPEN_PORT GUARDED_PORT PASSWORD
import assert from "node:assert/strict";
import Redis from "ioredis";

const [protocol, port, guardedPort, password] = process.argv.slice(2);
const nasty = Buffer.concat([Buffer.from("\0\r\n$5\r\n"), Buffer.from([...Array(256).keys()])]);

async function using(options, work, at = port) {
  const chosen = protocol === "default" ? {} : { protocol: Number(protocol) };
  const connected = new Redis(Number(at), "127.0.0.1", { lazyConnect: true, ...chosen, ...options });
  connected.on("error", () => {}); // Told by what is awaited, too.
  try {
    await connected.connect();
    await work(connected);
    assert.equal(await connected.quit(), "OK");
  } finally {
    connected.disconnect();
  }
}

const named = (reply) =>
  Array.isArray(reply)
    ? Object.fromEntries(reply.flatMap((name, i) => (i % 2 ? [] : [[name, reply[i + 1]]])))
    : Object.fromEntries(reply instanceof Map ? reply : Object.entries(reply));

// RESP2 shows what was read of each stream as an array of pairs, RESP3 as a map.
const readings = (reply) =>
  Object.fromEntries(
    Array.isArray(reply) && !Array.isArray(reply[0])
      ? reply.flatMap((name, i) => (i % 2 ? [] : [[name, reply[i + 1]]]))
      : Array.isArray(reply) || reply instanceof Map ? reply : Object.entries(reply));

const blocked = async (c) => Number(/blocked_clients:(\d+)/.exec(String(await c.info("clients")))[1]);

const claims = {
  async connects_with_its_defaults() {
    await using({}, async (c) => assert.equal(await c.ping(), "PONG"));
  },
  async connects_with_password_name_and_database() {
    const options = { password, connectionName: "accounts", db: 2 };
    await using(options, async (c) => assert.equal(await c.client("GETNAME"), "accounts"), guardedPort);
  },
  async a_wrong_password_is_told() {
    const options = { password: "wrong", retryStrategy: null, maxRetriesPerRequest: 0 };
    await assert.rejects(using(options, (c) => c.ping(), guardedPort), /WRONGPASS|NOAUTH|closed/);
  },
  async a_submitted_job_can_be_shown() {
    await using({}, async (c) => {
      const id = await c.call("JOB.SUBMIT", "kept", "[1]", "QUEUE", "node", "KEY", `k${Math.random()}`);
      const shown = named(await c.call("JOB.SHOW", id));
      assert.deepEqual([shown.id, shown.state, shown.result], [id, "ready", null]);
    });
  },
  async calls_are_answered_in_order() {
    await using({}, async (c) => {
      const calls = [["sleep", "0.05"], ["add", "[1,1]"], ["echo", '"x"']];
      const replies = await Promise.all(calls.map((call) => c.call("JOB.CALL", ...call)));
      assert.deepEqual(replies, ["0.05", "2", '"x"']);
    });
  },
  async bytes_pass_unchanged() {
    await using({}, async (c) => {
      const reply = await c.callBuffer("JOB.CALL", "reverse", nasty);
      assert.ok(Buffer.from(nasty).reverse().equals(reply), reply);
    });
  },
  async a_transaction_submits_all_at_once() {
    await using({}, async (c) => {
      const submit = ["JOB.SUBMIT", "kept", "1", "QUEUE", "node"];
      const [[, first], [, second]] = await c.multi().call(...submit).call(...submit).exec();
      assert.equal(second, first + 1);
    });
  },
  async a_pipeline_is_answered_in_order() {
    await using({}, async (c) => {
      const replies = await c.pipeline().call("JOB.CALL", "sleep", "0.05").call("NOSUCH").ping().exec();
      assert.equal(replies[0][1], "0.05");
      assert.match(String(replies[1][0]), /unknown command 'NOSUCH'/);
      assert.equal(replies[2][1], "PONG");
    });
  },
  async refusals_leave_the_connection_usable() {
    await using({}, async (c) => {
      await assert.rejects(c.call("NOSUCH"), /unknown command 'NOSUCH'/);
      await assert.rejects(c.call("JOB.SHOW", "1000000000000"), /NOJOB /);
      await assert.rejects(c.call("JOB.CALL", "fail", "", "ATTEMPTS", "1"), /DEAD job \d+/);
      assert.equal(await c.ping(), "PONG");
    });
  },
  async a_worker_claims_and_completes() {
    await using({}, async (c) => {
      const queue = `node-${await c.client("ID")}`;
      const id = await c.call("JOB.SUBMIT", "mine", "[1]", "QUEUE", queue);
      const [[claimed, attempt, , task]] = await c.call("JOB.CLAIM", queue, "WAIT", "1000");
      assert.deepEqual([claimed, task], [id, "mine"]);
      assert.equal(await c.call("JOB.COMPLETE", id, attempt, "7"), "OK");
      assert.equal(await c.call("JOB.WAIT", id), "7");
    });
  },
  async events_are_appended_and_read() {
    await using({}, async (c) => {
      const stream = `ioredis-${await c.client("ID")}`;
      const first = await c.xadd(stream, "*", "a", "1");
      const second = await c.xadd(stream, "MAXLEN", "~", 1000, "*", "b", "2", "c", "3");
      const events = [[first, ["a", "1"]], [second, ["b", "2", "c", "3"]]];
      assert.deepEqual(readings(await c.xread("STREAMS", stream, "0")), { [stream]: events });
      assert.equal(await c.xread("BLOCK", 1, "STREAMS", stream, "$"), null);
      assert.deepEqual(await c.xrange(stream, "-", "+", "COUNT", 1), events.slice(0, 1));
      const [[, fields]] = await c.xrangeBuffer(stream, second, second);
      assert.ok(fields[0].equals(Buffer.from("b")));
      assert.equal(await c.xlen(stream), 2);
    });
  },
  async a_group_shares_events_and_acknowledges_them() {
    await using({}, async (c) => {
      const stream = `ioredis-${await c.client("ID")}`;
      assert.equal(await c.xgroup("CREATE", stream, "g", "0", "MKSTREAM"), "OK");
      const [first, second] = [await c.xadd(stream, "*", "n", 1), await c.xadd(stream, "*", "n", 2)];
      const read = readings(await c.xreadgroup("GROUP", "g", "ann", "COUNT", 1, "STREAMS", stream, ">"));
      assert.deepEqual(read, { [stream]: [[first, ["n", "1"]]] });
      await c.xreadgroup("GROUP", "g", "bob", "STREAMS", stream, ">");
      const consumers = [["ann", "1"], ["bob", "1"]];
      assert.deepEqual(await c.xpending(stream, "g"), [2, first, second, consumers]);
      assert.equal(await c.xack(stream, "g", first), 1);
      const claimed = await c.xautoclaim(stream, "g", "cid", 0, "0", "COUNT", 5);
      assert.deepEqual(claimed, ["0-0", [[second, ["n", "2"]]], []]);
      const [group] = (await c.xinfo("GROUPS", stream)).map(named);
      assert.deepEqual([group.name, group.pending, group.lag], ["g", 1, 0]);
    });
  },
  async a_waiting_read_gets_the_event_that_comes() {
    await using({}, (writer) => using({}, async (reader) => {
      const stream = `ioredis-${await writer.client("ID")}`;
      const others = await blocked(writer);
      const read = reader.xread("BLOCK", 20000, "STREAMS", stream, "$");
      while ((await blocked(writer)) === others);
      const event = await writer.xadd(stream, "*", "n", 1);
      assert.deepEqual(readings(await read), { [stream]: [[event, ["n", "1"]]] });
    }));
  },
  async info_can_be_read() {
    await using({}, async (c) => assert.match(String(await c.info()), /redis_mode:standalone\r\n/));
  },
};

const outcomes = {};
for (const [name, check] of Object.entries(claims)) {
  outcomes[name] = await check().then(() => null, (error) => String(error?.stack ?? error));
}
console.log(JSON.stringify(outcomes));
process.exit();
