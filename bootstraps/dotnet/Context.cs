using System;
using System.Reflection;

namespace Bootstrap
{
    /// <summary>
    /// The handler's ILambdaContext, of whichever Amazon.Lambda.Core the function brings: it is made when the function's
    /// assembly is loaded, so this one needs none to be compiled. There is no client context and no identity.
    /// </summary>
    public class Context : DispatchProxy
    {
        private Invocation invocation;

        public static object Of(Type contract, Invocation invocation)
        {
            var context = Make(contract, typeof(Context));
            ((Context)context).invocation = invocation;
            return context;
        }

        internal static object Make(Type contract, Type proxy)
        {
            return typeof(DispatchProxy).GetMethod("Create", Type.EmptyTypes)
                .MakeGenericMethod(contract, proxy).Invoke(null, null);
        }

        protected override object Invoke(MethodInfo method, object[] arguments)
        {
            switch (method.Name)
            {
                case "get_AwsRequestId": return invocation.RequestId;
                case "get_InvokedFunctionArn": return invocation.FunctionArn;
                case "get_RemainingTime": return invocation.RemainingTime;
                case "get_FunctionName": return Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_NAME");
                case "get_FunctionVersion": return Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_VERSION");
                case "get_LogGroupName": return Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_GROUP_NAME");
                case "get_LogStreamName": return Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_STREAM_NAME");
                case "get_MemoryLimitInMB":
                    return int.Parse(Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
                case "get_Logger": return Make(method.ReturnType, typeof(Logger));
                default: return null;
            }
        }
    }

    /// <summary>The context's ILambdaLogger: lines on standard output.</summary>
    public class Logger : DispatchProxy
    {
        protected override object Invoke(MethodInfo method, object[] arguments)
        {
            if (method.Name == "Log")
            {
                Console.Write(arguments[arguments.Length - 1]);
            }
            else
            {
                Console.WriteLine(arguments[arguments.Length - 1]);
            }
            return null;
        }
    }
}
