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
