using System;
using System.IO;

namespace Bootstrap
{
    /// <summary>One invocation: its event, and what the API says of it.</summary>
    public sealed class Invocation
    {
        private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        private readonly Response response;

        public Invocation(Response response)
        {
            this.response = response;
        }

        public Stream Event
        {
            get { return new MemoryStream(response.Body, false); }
        }

        public string RequestId
        {
            get { return Header("Aws-Request-Id"); }
        }

        public string FunctionArn
        {
            get { return Header("Invoked-Function-Arn"); }
        }

        public string TraceId
        {
            get { return Header("Trace-Id"); }
        }

        public TimeSpan RemainingTime
        {
            get { return Epoch.AddMilliseconds(long.Parse(Header("Deadline-Ms"))) - DateTime.UtcNow; }
        }

        private string Header(string name)
        {
            string value;
            return response.Headers.TryGetValue("Lambda-Runtime-" + name, out value) ? value : null;
        }
    }
}
