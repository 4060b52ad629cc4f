using System;
using System.Linq;
using System.Text;

namespace Bootstrap
{
    /// <summary>An exception as the document that Lambda's callers get.</summary>
    public static class Failure
    {
        public static byte[] Document(Exception error)
        {
            return Encoding.UTF8.GetBytes(Json(error));
        }

        private static string Json(Exception error)
        {
            var lines = (error.StackTrace ?? "").Split('\n').Where(line => line.Length > 0).Select(Quoted);
            return "{\"errorType\": " + Quoted(error.GetType().Name) +
                ", \"errorMessage\": " + Quoted(error.Message) +
                ", \"stackTrace\": [" + string.Join(", ", lines) + "]" +
                (error.InnerException == null ? "" : ", \"cause\": " + Json(error.InnerException)) + "}";
        }

        private static string Quoted(string text)
        {
            var quoted = new StringBuilder("\"");
            foreach (var character in text)
            {
                if (character == '"' || character == '\\')
                {
                    quoted.Append('\\').Append(character);
                }
                else if (character < ' ')
                {
                    quoted.Append("\\u").Append(((int)character).ToString("x4"));
                }
                else
                {
                    quoted.Append(character);
                }
            }
            return quoted.Append('"').ToString();
        }
    }
}
