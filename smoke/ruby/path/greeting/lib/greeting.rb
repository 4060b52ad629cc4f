# frozen_string_literal: true

GREETING = 'from a gem'
