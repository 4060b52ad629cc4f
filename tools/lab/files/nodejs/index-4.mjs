// Starts AWS's runtime client, aws-lambda-ric 4: it reads the handler from the environment and runs on import.
import "./node_modules/aws-lambda-ric/index.mjs";
