# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = 'answer'
  spec.version = '1.0.0'
  spec.summary = 'An extension of one function'
  spec.authors = ['lambda-factory']
  spec.homepage = 'https://github.com/lambda-factory/lambda-factory'
  spec.license = 'MIT'
  spec.required_ruby_version = '>= 2.5'
  spec.files = ['lib/answer.rb', 'ext/answer/extconf.rb', 'ext/answer/answer.c']
  spec.extensions = ['ext/answer/extconf.rb']
end
