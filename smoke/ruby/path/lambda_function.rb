# frozen_string_literal: true

require 'bundler/setup'
require 'greeting'

def handler(event:, context:)
  GREETING
end
