using System;

namespace Bootstrap
{
    /// <summary>A client of Lambda's Runtime API for .NET Core 2.0, which AWS's own client is too new for.</summary>
    public static class Program
    {
        /// <summary>Serves invocations until the process is ended.</summary>
        public static int Main()
        {
            var api = new RuntimeApi(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"));
            Handler handler;
            try
            {
                handler = Handler.Load(
                    Environment.GetEnvironmentVariable("_HANDLER"),
                    Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT"));
            }
            catch (Exception error)
            {
                api.Post("init/error", Failure.Document(error));
                return 1;
            }
            while (true)
            {
                Serve(api, handler, new Invocation(api.Next()));
            }
        }

        private static void Serve(RuntimeApi api, Handler handler, Invocation invocation)
        {
            Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", invocation.TraceId);
            byte[] result;
            try
            {
                result = handler.Invoke(invocation);
            }
            catch (Exception error)
            {
                api.Post("invocation/" + invocation.RequestId + "/error", Failure.Document(error));
                return;
            }
            api.Post("invocation/" + invocation.RequestId + "/response", result);
        }
    }
}
