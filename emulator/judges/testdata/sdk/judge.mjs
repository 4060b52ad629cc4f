// Calls the function at the given endpoint with AWS's SDK for JavaScript.
import assert from "node:assert";
import { createRequire } from "node:module";

const [endpoint, modules] = process.argv.slice(2);
const { LambdaClient, InvokeCommand, InvokeWithResponseStreamCommand } = createRequire(modules + "/x")("@aws-sdk/client-lambda");
const client = new LambdaClient({
  region: "us-east-1",
  endpoint,
  maxAttempts: 1,
  credentials: { accessKeyId: "none", secretAccessKey: "none" },
});
const call = (fields) => client.send(new InvokeCommand({ FunctionName: "test", ...fields }));

let answer = await call({ Payload: "{}", LogType: "Tail" });
assert.equal(answer.StatusCode, 200);
assert.equal(answer.FunctionError, undefined);
assert.equal(JSON.parse(Buffer.from(answer.Payload)).id, answer.$metadata.requestId);
assert.match(Buffer.from(answer.LogResult, "base64").toString(), /^START[^]*in the handler[^]*END[^]*REPORT/);

answer = await call({ Payload: '{"fail": true}' });
assert.equal(answer.FunctionError, "Unhandled");
assert.equal(JSON.parse(Buffer.from(answer.Payload)).errorMessage, "on request");
assert.equal((await call({ InvocationType: "Event" })).StatusCode, 202);
assert.equal((await call({ InvocationType: "DryRun" })).StatusCode, 204);
await assert.rejects(call({ Payload: "{" }), { name: "InvalidRequestContentException" });

const stream = await client.send(new InvokeWithResponseStreamCommand({ FunctionName: "test", Payload: '{"stream": true}' }));
let text = "";
let complete;
for await (const event of stream.EventStream) {
  if (event.PayloadChunk) text += Buffer.from(event.PayloadChunk.Payload);
  if (event.InvokeComplete) complete = event.InvokeComplete;
}
assert.ok(text);
assert.equal(complete.ErrorCode, undefined);
console.log("@aws-sdk/client-lambda is content");
