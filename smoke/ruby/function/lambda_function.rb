# frozen_string_literal: true

# What the smoke tests invoke in a Ruby image: it tells what it sees, or fails when told to.

require 'rbconfig'
require 'securerandom'

PROCESS = SecureRandom.uuid
COUNT = [0] # rubocop:disable Style/MutableConstant -- it counts

def handler(event:, context:)
  COUNT[0] += 1
  puts event['say'] if event['say']
  raise RangeError, 'told to fail' if event['do'] == 'fail'

  {
    event: event,
    context: describe(context),
    version: RUBY_VERSION,
    machine: RbConfig::CONFIG['host_cpu'],
    uid: Process.uid,
    gid: Process.gid,
    cwd: Dir.pwd,
    writable: writable?('/var/task'),
    layer: File.exist?('/opt/layer.txt') ? File.read('/opt/layer.txt') : nil,
    process: PROCESS,
    count: COUNT[0]
  }
end

def describe(context)
  {
    name: context.function_name,
    version: context.function_version,
    memory: context.memory_limit_in_mb,
    arn: context.invoked_function_arn,
    request_id: context.aws_request_id,
    remaining_ms: context.get_remaining_time_in_millis
  }
end

def writable?(folder)
  File.write(File.join(folder, 'written'), '')
  true
rescue SystemCallError
  false
end
