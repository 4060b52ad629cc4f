# frozen_string_literal: true

# Starts the lab's runtime client. AWS's, the gem aws_lambda_ric, is nowhere in reach of the lab.
require 'lambda_runtime'

$stdout.sync = true
$stderr.sync = true
LambdaRuntime.run(ENV.fetch('AWS_LAMBDA_RUNTIME_API'), ENV.fetch('_HANDLER'))
