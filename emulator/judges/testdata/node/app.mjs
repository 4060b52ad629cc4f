// A function for AWS's client for Node.js.
export const handler = async (event, context) => {
  console.log("in the handler");
  if (event.fail) throw new TypeError("on request");
  return {
    id: context.awsRequestId,
    arn: context.invokedFunctionArn,
    name: context.functionName,
  };
};
