// What node-redis does with Penstock; run by test_node_clients.py.
//   node node_redis.mjs 2|3|default OPEN_PORT GUARDED_PORT PASSWORD
import assert from "node:assert/strict";
import redis from "redis";

const { commandOptions, createClient, RESP_TYPES } = redis;
const [protocol, port, guardedPort, password] = process.argv.slice(2);
const nasty = Buffer.concat([Buffer.from("\0\r\n$5\r\n"), Buffer.from([...Array(256).keys()])]);

function client(options = {}, at = port) {
  // Version 5 reads streams in RESP3 only if it is told that their replies may change.
  const resp = protocol === "default" ? {} : { RESP: Number(protocol), unstableResp3: true };
  const made = createClient({ socket: { host: "127.0.0.1", port: Number(at) }, ...resp, ...options });
  made.on("error", () => {}); // Told by what is awaited, too.
  return made;
}

async function using(options, work, at) {
  const connected = await client(options, at).connect();
  try {
    await work(connected);
  } finally {
    await connected.quit();
  }
}

// Version 4 has another way to ask for bytes than later ones.
const sendForBytes = (connected, words) =>
  commandOptions
    ? connected.sendCommand(words, commandOptions({ returnBuffers: true }))
    : connected.sendCommand(words, { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });

const named = (reply) =>
  Array.isArray(reply)
    ? Object.fromEntries(reply.flatMap((name, i) => (i % 2 ? [] : [[name, reply[i + 1]]])))
    : Object.fromEntries(reply instanceof Map ? reply : Object.entries(reply));

const event = ({ id, message }) => [id, { ...message }];
// ... and leaves them as they are then.
const untouched = (events) => events.map(([id, fields]) => [id, named(fields)]);
const readings = (reply) =>
  Array.isArray(reply)
    ? Object.fromEntries(reply.map(({ name, messages }) => [name, messages.map(event)]))
    : Object.fromEntries(Object.entries(named(reply)).map(([name, found]) => [name, untouched(found)]));
const blocked = async (c) => Number(/blocked_clients:(\d+)/.exec(String(await c.info("clients")))[1]);

const claims = {
  async connects_with_its_defaults() {
    await using({}, async (c) => assert.equal(await c.ping(), "PONG"));
  },
  async connects_with_password_name_and_database() {
    const options = { password, name: "accounts", database: 2 };
    await using(options, async (c) => assert.equal(await c.clientGetName(), "accounts"), guardedPort);
  },
  async a_wrong_password_is_told() {
    const refused = client({ password: "wrong", socket: {
      host: "127.0.0.1", port: Number(guardedPort), reconnectStrategy: false } });
    await assert.rejects(refused.connect(), /WRONGPASS/);
  },
  async a_submitted_job_can_be_shown() {
    await using({}, async (c) => {
      const id = await c.sendCommand(["JOB.SUBMIT", "kept", "[1]", "QUEUE", "node", "KEY", `k${Math.random()}`]);
      const shown = named(await c.sendCommand(["JOB.SHOW", String(id)]));
      assert.deepEqual([shown.id, shown.state, shown.result], [id, "ready", null]);
    });
  },
  async calls_are_answered_in_order() {
    await using({}, async (c) => {
      const calls = [["sleep", "0.05"], ["add", "[1,1]"], ["echo", '"x"']];
      const replies = await Promise.all(calls.map((call) => c.sendCommand(["JOB.CALL", ...call])));
      assert.deepEqual(replies, ["0.05", "2", '"x"']);
    });
  },
  async bytes_pass_unchanged() {
    await using({}, async (c) => {
      const reply = await sendForBytes(c, ["JOB.CALL", "reverse", nasty]);
      assert.ok(Buffer.from(nasty).reverse().equals(reply), reply);
    });
  },
  async a_transaction_submits_all_at_once() {
    await using({}, async (c) => {
      const submit = ["JOB.SUBMIT", "kept", "1", "QUEUE", "node"];
      const [first, second] = await c.multi().addCommand(submit).addCommand(submit).exec();
      assert.equal(second, first + 1);
    });
  },
  async refusals_leave_the_connection_usable() {
    await using({}, async (c) => {
      await assert.rejects(c.sendCommand(["NOSUCH"]), /unknown command 'NOSUCH'/);
      await assert.rejects(c.sendCommand(["JOB.SHOW", "1000000000000"]), /^.*NOJOB /);
      await assert.rejects(c.sendCommand(["JOB.CALL", "fail", "", "ATTEMPTS", "1"]), /DEAD job \d+/);
      assert.equal(await c.ping(), "PONG");
    });
  },
  async a_worker_claims_and_completes() {
    await using({}, async (c) => {
      const queue = `node-${await c.sendCommand(["CLIENT", "ID"])}`;
      const id = await c.sendCommand(["JOB.SUBMIT", "mine", "[1]", "QUEUE", queue]);
      const [[claimed, attempt, , task]] = await c.sendCommand(["JOB.CLAIM", queue, "WAIT", "1000"]);
      assert.deepEqual([claimed, task], [id, "mine"]);
      assert.equal(await c.sendCommand(["JOB.COMPLETE", String(id), String(attempt), "7"]), "OK");
      assert.equal(await c.sendCommand(["JOB.WAIT", String(id)]), "7");
    });
  },
  async events_are_appended_and_read() {
    await using({}, async (c) => {
      const stream = `node-redis-${await c.sendCommand(["CLIENT", "ID"])}`;
      const first = await c.xAdd(stream, "*", { a: "1" });
      const trim = { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: 1000 } };
      const second = await c.xAdd(stream, "*", { b: "2", c: "3" }, trim);
      const events = [[first, { a: "1" }], [second, { b: "2", c: "3" }]];
      assert.deepEqual(readings(await c.xRead({ key: stream, id: "0" })), { [stream]: events });
      assert.equal(await c.xRead({ key: stream, id: "$" }, { BLOCK: 1 }), null);
      assert.deepEqual((await c.xRange(stream, "-", "+", { COUNT: 1 })).map(event), events.slice(0, 1));
      assert.equal(await c.xLen(stream), 2);
      assert.equal(await c.xDel(stream, first), 1);
    });
  },
  async a_group_shares_events_and_acknowledges_them() {
    await using({}, async (c) => {
      const stream = `node-redis-${await c.sendCommand(["CLIENT", "ID"])}`;
      assert.equal(await c.xGroupCreate(stream, "g", "0", { MKSTREAM: true }), "OK");
      const [first, second] = [await c.xAdd(stream, "*", { n: "1" }), await c.xAdd(stream, "*", { n: "2" })];
      const read = await c.xReadGroup("g", "ann", { key: stream, id: ">" }, { COUNT: 1 });
      assert.deepEqual(readings(read), { [stream]: [[first, { n: "1" }]] });
      await c.xReadGroup("g", "bob", { key: stream, id: ">" });
      const summary = await c.xPending(stream, "g");
      assert.deepEqual([summary.pending, summary.firstId, summary.lastId], [2, first, second]);
      assert.equal(await c.xAck(stream, "g", first), 1);
      const claimed = await c.xAutoClaim(stream, "g", "cid", 0, "0", { COUNT: 5 });
      assert.deepEqual([claimed.nextId, claimed.messages.map(event)], ["0-0", [[second, { n: "2" }]]]);
      const [group] = await c.xInfoGroups(stream);
      assert.deepEqual([group.name, group.pending], ["g", 1]);
    });
  },
  async a_waiting_read_gets_the_event_that_comes() {
    await using({}, (writer) => using({}, async (reader) => {
      const stream = `node-redis-${await writer.sendCommand(["CLIENT", "ID"])}`;
      const others = await blocked(writer);
      const read = reader.xRead({ key: stream, id: "$" }, { BLOCK: 20000 });
      while ((await blocked(writer)) === others);
      const id = await writer.xAdd(stream, "*", { n: "1" });
      assert.deepEqual(readings(await read), { [stream]: [[id, { n: "1" }]] });
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
