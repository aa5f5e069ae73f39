import { createClient } from "redis";                    // or ioredis: any Redis client will do

const client = await createClient({ url: "redis://127.0.0.1:7711" }).connect();
console.log(await client.sendCommand(["JOB.CALL", "add", "[2,3]"]));                     // 5
const id = await client.sendCommand(["JOB.SUBMIT", "sleep", "1", "PRIORITY", "5"]);
console.log(await client.sendCommand(["JOB.WAIT", String(id)]));                          // 1
await client.close();
