// A function for AWS's client for Node.js.
if (process.env.JUDGE_FAILS_TO_START) throw new Error("on request");

const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

export const handler = async (event, context) => {
  console.log("in the handler");
  await pause(event.sleep ?? 0);
  if ("exit" in event) process.exit(event.exit);
  if (event.fail) throw new TypeError("on request");
  return {
    id: context.awsRequestId,
    arn: context.invokedFunctionArn,
    name: context.functionName,
    left: context.getRemainingTimeInMillis(),
    custom: context.clientContext?.custom,
    process: process.pid,
  };
};

// In two pieces with a pause between them, and an error instead of the second one if it is to end midway.
export const streaming = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("one");
  await pause(300);
  if (event.midway) throw new TypeError("midway");
  stream.end(" two");
});
