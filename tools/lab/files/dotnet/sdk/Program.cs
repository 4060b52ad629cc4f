// The SDK's `dotnet build` and `dotnet publish` as far as the lab needs them: Roslyn itself, without MSBuild and NuGet.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace StandIn
{
    public static class Program
    {
        private static readonly string Sdk = AppContext.BaseDirectory.TrimEnd('/');

        public static int Main(string[] arguments)
        {
            var command = arguments.Length > 0 ? arguments[0] : "--help";
            if (command == "--version")
            {
                Console.WriteLine(Path.GetFileName(Sdk));
                return 0;
            }
            if (command == "build" || command == "publish")
            {
                return new Project(arguments.Skip(1).ToArray()).Compile(Sdk);
            }
            Console.Error.WriteLine("the lab's stand-in for the SDK knows --version, build and publish, not " + command);
            return 1;
        }
    }

    /// <summary>A project file with the properties and references that the lab's functions have.</summary>
    public sealed class Project
    {
        private readonly Dictionary<string, string> properties = new Dictionary<string, string>();
        private readonly List<string> references = new List<string>();
        private readonly string folder;
        private string output;

        public Project(string[] arguments)
        {
            var file = Directory.GetFiles(Directory.GetCurrentDirectory(), "*.csproj").SingleOrDefault();
            for (var i = 0; i < arguments.Length; i++)
            {
                if (arguments[i].EndsWith(".csproj"))
                {
                    file = Path.GetFullPath(arguments[i]);
                }
                else if (arguments[i] == "-o")
                {
                    output = Path.GetFullPath(arguments[++i]);
                }
                else if (arguments[i].StartsWith("-p:"))
                {
                    var pair = arguments[i].Substring(3).Split('=');
                    properties[pair[0]] = pair[1];
                }
                else if (arguments[i] == "-c")
                {
                    i++;
                }
            }
            if (file == null)
            {
                throw new FileNotFoundException("there is no project file here");
            }
            folder = Path.GetDirectoryName(file);
            Read(XDocument.Load(file), Path.GetFileNameWithoutExtension(file));
        }

        public int Compile(string sdk)
        {
            var name = properties["AssemblyName"];
            var framework = Framework(Path.GetFullPath(Path.Combine(sdk, "../../shared/Microsoft.NETCore.App")));
            var executable = properties.ContainsKey("OutputType") && properties["OutputType"] == "Exe";
            var options = new CSharpCompilationOptions(
                executable ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary,
                optimizationLevel: OptimizationLevel.Release, deterministic: true);
            var sources = Directory.GetFiles(folder, "*.cs").OrderBy(path => path, StringComparer.Ordinal)
                .Select(path => CSharpSyntaxTree.ParseText(File.ReadAllText(path), path: path));
            var known = Directory.GetFiles(framework, "*.dll").Concat(references)
                .Select(path => MetadataReference.CreateFromFile(path));
            output = output ?? Path.Combine(folder, "bin/Release", properties["TargetFramework"]);
            Directory.CreateDirectory(output);
            var target = Path.Combine(output, name + ".dll");
            var result = CSharpCompilation.Create(name, sources, known, options).Emit(target);
            foreach (var problem in result.Diagnostics.Where(found => found.Severity == DiagnosticSeverity.Error))
            {
                Console.Error.WriteLine(problem);
            }
            if (!result.Success)
            {
                File.Delete(target);
                return 1;
            }
            foreach (var reference in references)
            {
                File.Copy(reference, Path.Combine(output, Path.GetFileName(reference)), true);
            }
            Configure(Path.Combine(output, name), name);
            Console.WriteLine("  " + name + " -> " + target);
            return 0;
        }

        private void Read(XDocument file, string name)
        {
            properties["AssemblyName"] = properties.ContainsKey("AssemblyName") ? properties["AssemblyName"] : name;
            foreach (var element in file.Descendants("PropertyGroup").Elements())
            {
                if (element.Name.LocalName == "AssemblyName" || !properties.ContainsKey(element.Name.LocalName))
                {
                    properties[element.Name.LocalName] = element.Value;
                }
            }
            references.AddRange(file.Descendants("HintPath").Select(hint => Path.Combine(folder, hint.Value)));
        }

        private string Version
        {
            get { return properties["TargetFramework"].Replace("netcoreapp", "").Replace("net", ""); }
        }

        private string Framework(string shared)
        {
            var found = Directory.GetDirectories(shared, Version + ".*").FirstOrDefault();
            if (found == null)
            {
                throw new DirectoryNotFoundException(shared + " has no version " + Version);
            }
            return found;
        }

        private void Configure(string stem, string name)
        {
            File.WriteAllText(stem + ".runtimeconfig.json",
                "{\"runtimeOptions\": {\"tfm\": \"" + properties["TargetFramework"] + "\", \"framework\": " +
                "{\"name\": \"Microsoft.NETCore.App\", \"version\": \"" + Version + ".0\"}}}\n");
            var target = ".NETCoreApp,Version=v" + Version;
            File.WriteAllText(stem + ".deps.json",
                "{\"runtimeTarget\": {\"name\": \"" + target + "\", \"signature\": \"\"}, \"targets\": {\"" + target +
                "\": {\"" + name + "/1.0.0\": {\"runtime\": {\"" + name + ".dll\": {}}}}}, \"libraries\": {\"" + name +
                "/1.0.0\": {\"type\": \"project\", \"serviceable\": false, \"sha512\": \"\"}}}\n");
        }
    }
}
