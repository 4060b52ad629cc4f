# frozen_string_literal: true

require 'answer'

# A handler that is a class's method, in the longer form of its name.
module Smoke
  class Handler
    def self.process(event:, context:)
      { answer: Answer.answer }
    end
  end
end
