using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.ExceptionServices;

namespace Bootstrap
{
    /// <summary>The function's own ILambdaSerializer, named by an attribute of its method or of its assembly.</summary>
    public sealed class Serializer
    {
        private readonly object serializer;

        private Serializer(object serializer)
        {
            this.serializer = serializer;
        }

        public static Serializer Of(MethodInfo method)
        {
            var attribute = method.GetCustomAttributes(true)
                .Concat(method.DeclaringType.Assembly.GetCustomAttributes())
                .FirstOrDefault(found => found.GetType().FullName == "Amazon.Lambda.Core.LambdaSerializerAttribute");
            if (attribute == null)
            {
                return new Serializer(null);
            }
            var type = (Type)attribute.GetType().GetProperty("SerializerType").GetValue(attribute);
            return new Serializer(Activator.CreateInstance(type));
        }

        public object Deserialize(Type type, Stream stream)
        {
            return Call("Deserialize", type, stream);
        }

        public void Serialize(Type type, object value, Stream stream)
        {
            Call("Serialize", type, value, stream);
        }

        private object Call(string name, Type type, params object[] arguments)
        {
            if (serializer == null)
            {
                throw new InvalidOperationException(
                    "a handler that takes or returns " + type + " needs a LambdaSerializer attribute; Stream needs none");
            }
            var contract = serializer.GetType().GetInterfaces()
                .Single(candidate => candidate.FullName == "Amazon.Lambda.Core.ILambdaSerializer");
            try
            {
                return contract.GetMethod(name).MakeGenericMethod(type).Invoke(serializer, arguments);
            }
            catch (TargetInvocationException error)
            {
                ExceptionDispatchInfo.Capture(error.InnerException).Throw();
                throw;
            }
        }
    }
}
