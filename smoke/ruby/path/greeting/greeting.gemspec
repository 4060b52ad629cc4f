# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = 'greeting'
  spec.version = '1.0.0'
  spec.summary = 'A gem that lies beside the function'
  spec.authors = ['lambda-factory']
  spec.files = ['lib/greeting.rb']
end
