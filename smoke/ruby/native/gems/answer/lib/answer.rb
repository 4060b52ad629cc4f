# frozen_string_literal: true

require 'answer/answer'
