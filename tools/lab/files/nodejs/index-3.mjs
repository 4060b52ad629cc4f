// Starts AWS's runtime client, aws-lambda-ric 3, on the function's directory.
import { run } from "./node_modules/aws-lambda-ric/dist/index.mjs";

await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
