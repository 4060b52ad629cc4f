# frozen_string_literal: true

# A client of Lambda's Runtime API with the contract of AWS's: a handler `file.method` or `file.Class.method` that takes
# the keywords `event:` and `context:`, the context's fields, and the documents that tell of errors.

require 'json'
require 'net/http'
require 'stringio'

module LambdaRuntime
  # What a handler may ask about its invocation.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
                :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms

    def initialize(headers)
      @aws_request_id = headers['Lambda-Runtime-Aws-Request-Id']
      @invoked_function_arn = headers['Lambda-Runtime-Invoked-Function-Arn']
      @deadline_ms = headers['Lambda-Runtime-Deadline-Ms'].to_i
      @identity = parse(headers['Lambda-Runtime-Cognito-Identity'])
      @client_context = parse(headers['Lambda-Runtime-Client-Context'])
      @log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
      @log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']
      @function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
      @function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
      @memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    end

    def get_remaining_time_in_millis
      [@deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
    end

    private

    def parse(text)
      JSON.parse(text) if text && !text.empty?
    end
  end

  # The Runtime API over one connection that is kept.
  class Client
    VERSION = '/2018-06-01/runtime'

    def initialize(address)
      host, port = address.split(':')
      @http = Net::HTTP.new(host, port.to_i, nil)
      @http.read_timeout = nil
      @http.keep_alive_timeout = 900
      @http.start
    end

    def next
      @http.request(Net::HTTP::Get.new("#{VERSION}/invocation/next"))
    end

    def respond(id, body, type)
      post("/invocation/#{id}/response", body, 'Content-Type' => type)
    end

    def report(path, error)
      document = LambdaRuntime.describe(error)
      headers = { 'Content-Type' => 'application/vnd.aws.lambda.error+json',
                  'Lambda-Runtime-Function-Error-Type' => document[:errorType] }
      post(path, JSON.generate(document), headers)
    end

    private

    def post(path, body, headers)
      request = Net::HTTP::Post.new("#{VERSION}#{path}", headers)
      request.body = body
      @http.request(request)
    end
  end

  class << self
    # Serves invocations until the process is ended; a handler that cannot be loaded ends it at once.
    def run(address, name)
      client = Client.new(address)
      handler = load_handler(name, client)
      loop { serve(client, handler, client.next) }
    end

    def describe(error)
      prefix = error.is_a?(NoMemoryError) ? 'Runtime' : 'Function'
      message = error.message.dup.force_encoding(Encoding::UTF_8).scrub
      { errorMessage: message, errorType: "#{prefix}<#{error.class.name}>", stackTrace: error.backtrace || [] }
    end

    private

    def load_handler(name, client)
      file, *owner, method = name.split('.')
      raise ArgumentError, "Invalid handler #{name}, must be of form FILENAME.METHOD" unless file && method

      require file
      receiver = owner.empty? ? Object.new : owner.join('::').split('::').reduce(Object) { |scope, part| scope.const_get(part) }
      receiver.method(method)
    rescue Exception => error # rubocop:disable Lint/RescueException -- whatever a function's file may raise
      log(error)
      client.report('/init/error', error)
      exit 1
    end

    def serve(client, handler, request)
      id = request['Lambda-Runtime-Aws-Request-Id']
      ENV['_X_AMZN_TRACE_ID'] = request['Lambda-Runtime-Trace-Id'] if request['Lambda-Runtime-Trace-Id']
      body, type = answer(handler, request)
      client.respond(id, body, type)
    rescue Exception => error # rubocop:disable Lint/RescueException -- whatever a handler may raise, but the end
      raise if error.is_a?(SystemExit) || error.is_a?(SignalException)

      log(error)
      client.report("/invocation/#{id}/error", error)
    end

    def answer(handler, request)
      result = handler.call(event: JSON.parse(request.body), context: Context.new(request))
      return [result.read, 'application/unknown'] if result.is_a?(StringIO) || result.is_a?(IO)

      [JSON.generate(result), 'application/json']
    end

    def log(error)
      warn("Error raised from handler method\n#{JSON.generate(describe(error))}")
    end
  end
end
