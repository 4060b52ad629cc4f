package smoke;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/** What the smoke tests invoke in a Java image: it tells what it sees, or fails when told to. */
public class Function implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    private static final String PROCESS = UUID.randomUUID().toString();
    private static int count = 0;

    @Override
    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        count += 1;
        if (event.get("say") != null) {
            System.out.println(event.get("say"));
        }
        if ("fail".equals(event.get("do"))) {
            throw new IllegalStateException("told to fail");
        }
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("event", event);
        seen.put("context", describe(context));
        seen.put("version", System.getProperty("java.version").replaceFirst("^1\\.", ""));
        seen.put("machine", System.getProperty("os.arch").replace("amd64", "x86_64"));
        seen.put("uid", identity("Uid"));
        seen.put("gid", identity("Gid"));
        seen.put("cwd", System.getProperty("user.dir"));
        seen.put("writable", writable("/var/task"));
        seen.put("layer", text("/opt/layer.txt"));
        seen.put("process", PROCESS);
        seen.put("count", count);
        return seen;
    }

    private static Map<String, Object> describe(Context context) {
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("name", context.getFunctionName());
        seen.put("version", context.getFunctionVersion());
        seen.put("memory", context.getMemoryLimitInMB());
        seen.put("arn", context.getInvokedFunctionArn());
        seen.put("request_id", context.getAwsRequestId());
        seen.put("remaining_ms", context.getRemainingTimeInMillis());
        return seen;
    }

    private static int identity(String kind) {
        for (String line : text("/proc/self/status").split("\n")) {
            if (line.startsWith(kind + ":")) {
                return Integer.parseInt(line.split("\\s+")[1]);
            }
        }
        return -1;
    }

    private static boolean writable(String folder) {
        try {
            Files.createFile(Paths.get(folder, "written"));
            return true;
        } catch (IOException error) {
            return false;
        }
    }

    private static String text(String file) {
        Path path = Paths.get(file);
        try {
            return Files.exists(path) ? new String(Files.readAllBytes(path), StandardCharsets.UTF_8) : null;
        } catch (IOException error) {
            return null;
        }
    }
}
