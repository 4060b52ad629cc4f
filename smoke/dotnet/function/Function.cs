using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Amazon.Lambda.Core;

namespace Smoke
{
    /// <summary>What the smoke tests invoke: it tells what it sees, or fails when told to.</summary>
    public class Function
    {
        private static readonly string Process = Guid.NewGuid().ToString();
        private static int count;

        public Stream Handle(Stream input, ILambdaContext context)
        {
            count++;
            var text = new StreamReader(input, Encoding.UTF8).ReadToEnd();
            var say = Value(text, "say");
            if (say != null)
            {
                Console.WriteLine(say);
            }
            if (Value(text, "do") == "fail")
            {
                throw new InvalidOperationException("told to fail");
            }
            return new MemoryStream(Encoding.UTF8.GetBytes(Describe(text, context)));
        }

        private static string Describe(string text, ILambdaContext context)
        {
            return "{\"event\": " + text +
                ", \"context\": {\"name\": " + Quoted(context.FunctionName) +
                ", \"version\": " + Quoted(context.FunctionVersion) +
                ", \"memory\": " + context.MemoryLimitInMB +
                ", \"arn\": " + Quoted(context.InvokedFunctionArn) +
                ", \"request_id\": " + Quoted(context.AwsRequestId) +
                ", \"remaining_ms\": " + (long)context.RemainingTime.TotalMilliseconds +
                "}, \"version\": " + Quoted(Version()) +
                ", \"machine\": " + Quoted(Machine()) +
                ", \"uid\": " + Id("Uid:") +
                ", \"gid\": " + Id("Gid:") +
                ", \"cwd\": " + Quoted(Directory.GetCurrentDirectory()) +
                ", \"writable\": " + (Writable() ? "true" : "false") +
                ", \"layer\": " + Quoted(File.Exists("/opt/layer.txt") ? File.ReadAllText("/opt/layer.txt") : null) +
                ", \"process\": " + Quoted(Process) +
                ", \"count\": " + count + "}";
        }

        private static string Value(string text, string name)
        {
            var found = Regex.Match(text, "\"" + name + "\": *\"([^\"]*)\"");
            return found.Success ? found.Groups[1].Value : null;
        }

        /// <summary>The shared framework's, from where it lies: before .NET 5 no property tells it.</summary>
        private static string Version()
        {
            return Path.GetFileName(Path.GetDirectoryName(typeof(object).Assembly.Location));
        }

        private static string Machine()
        {
            return RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "aarch64" : "x86_64";
        }

        private static string Id(string label)
        {
            return File.ReadLines("/proc/self/status").Single(line => line.StartsWith(label)).Split('\t')[1];
        }

        private static bool Writable()
        {
            try
            {
                File.WriteAllText("/var/task/written", "");
                return true;
            }
            catch (Exception error) when (error is IOException || error is UnauthorizedAccessException)
            {
                return false;
            }
        }

        private static string Quoted(string text)
        {
            return text == null ? "null" : "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
        }
    }
}
