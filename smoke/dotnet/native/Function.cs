using System.IO;
using System.Runtime.InteropServices;
using System.Text;

namespace Native
{
    /// <summary>Asks a library in C, compiled beside it in the build image.</summary>
    public class Function
    {
        [DllImport("answer")]
        private static extern int answer();

        public static Stream Handle(Stream input)
        {
            return new MemoryStream(Encoding.UTF8.GetBytes("{\"answer\": " + answer() + "}"));
        }
    }
}
