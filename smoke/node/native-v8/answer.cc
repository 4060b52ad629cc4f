// An addon of one function over V8's own interface, for the versions of Node.js that had no Node-API.
#include <node.h>

static void Answer(const v8::FunctionCallbackInfo<v8::Value>& call) { call.GetReturnValue().Set(42); }

static void Init(v8::Local<v8::Object> exports, v8::Local<v8::Object> module) { NODE_SET_METHOD(module, "exports", Answer); }

NODE_MODULE(answer, Init)
