/* An extension of one function, to show that the build image compiles for the run image's Ruby. */
#include <ruby.h>

static VALUE answer(VALUE self) { return INT2FIX(42); }

void Init_answer(void) { rb_define_singleton_method(rb_define_module("Answer"), "answer", answer, 0); }
