// What node-redis does with Penstock; run by test_node_clients.py.
//   node node_redis.mjs 2|3|default OPEN_PORT GUARDED_PORT PASSWORD
import assert from "node:assert/strict";
import redis from "redis";

const { commandOptions, createClient, RESP_TYPES } = redis;
const [protocol, port, guardedPort, password] = process.argv.slice(2);
const nasty = Buffer.concat([Buffer.from("\0\r\n$5\r\n"), Buffer.from([...Array(256).keys()])]);

function client(options = {}, at = port) {
  const resp = protocol === "default" ? {} : { RESP: Number(protocol) };
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
