using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.ExceptionServices;
using System.Runtime.Loader;
using System.Threading.Tasks;

namespace Bootstrap
{
    /// <summary>The function's method: <c>Assembly::Namespace.Type::Method</c>.</summary>
    public sealed class Handler
    {
        private readonly object target;
        private readonly MethodInfo method;
        private readonly Serializer serializer;

        private Handler(object target, MethodInfo method)
        {
            this.target = target;
            this.method = method;
            serializer = Serializer.Of(method);
        }

        public static Handler Load(string name, string folder)
        {
            var parts = name.Split(new[] { "::" }, StringSplitOptions.None);
            if (parts.Length != 3)
            {
                throw new ArgumentException("the handler is '" + name + "', it must be ASSEMBLY::TYPE::METHOD");
            }
            AssemblyLoadContext.Default.Resolving += (context, wanted) => Find(context, folder, wanted.Name);
            var type = AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName(parts[0])).GetType(parts[1], true);
            var methods = type.GetMethods().Where(candidate => candidate.Name == parts[2]).ToArray();
            if (methods.Length != 1)
            {
                throw new MissingMethodException(
                    parts[1] + " has " + methods.Length + " public methods named '" + parts[2] + "', it must have one");
            }
            return new Handler(methods[0].IsStatic ? null : Activator.CreateInstance(type), methods[0]);
        }

        public byte[] Invoke(Invocation invocation)
        {
            var arguments = method.GetParameters().Select(parameter => Argument(parameter.ParameterType, invocation));
            object result;
            try
            {
                result = method.Invoke(target, arguments.ToArray());
            }
            catch (TargetInvocationException error)
            {
                ExceptionDispatchInfo.Capture(error.InnerException).Throw();
                throw;
            }
            var type = method.ReturnType;
            var task = result as Task;
            if (task != null)
            {
                task.GetAwaiter().GetResult();
                type = type.IsGenericType ? type.GetGenericArguments()[0] : typeof(void);
                result = type == typeof(void) ? null : task.GetType().GetProperty("Result").GetValue(task);
            }
            return type == typeof(void) ? new byte[0] : Bytes(type, result);
        }

        private static Assembly Find(AssemblyLoadContext context, string folder, string name)
        {
            var path = Path.Combine(folder, name + ".dll");
            return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
        }

        private object Argument(Type type, Invocation invocation)
        {
            if (type.FullName == "Amazon.Lambda.Core.ILambdaContext")
            {
                return Context.Of(type, invocation);
            }
            return type == typeof(Stream) ? invocation.Event : serializer.Deserialize(type, invocation.Event);
        }

        private byte[] Bytes(Type type, object result)
        {
            var bytes = new MemoryStream();
            var stream = result as Stream;
            if (stream != null)
            {
                stream.CopyTo(bytes);
            }
            else
            {
                serializer.Serialize(type, result, bytes);
            }
            return bytes.ToArray();
        }
    }
}
