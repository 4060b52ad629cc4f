import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.Map;

/** A function for AWS's client for Java. */
public class App implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    public App() {
        if (System.getenv("JUDGE_FAILS_TO_START") != null) {
            throw new IllegalStateException("on request");
        }
    }

    @Override
    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        System.out.println("in the handler");
        sleep(event.get("sleep"));
        if (event.get("exit") instanceof Number code) {
            Runtime.getRuntime().halt(code.intValue());
        }
        if (Boolean.TRUE.equals(event.get("fail"))) {
            throw new IllegalArgumentException("on request");
        }
        ClientContext client = context.getClientContext();
        Map<String, Object> told = new HashMap<>();
        told.put("id", context.getAwsRequestId());
        told.put("arn", context.getInvokedFunctionArn());
        told.put("name", context.getFunctionName());
        told.put("left", context.getRemainingTimeInMillis());
        told.put("custom", client == null ? null : client.getCustom());
        told.put("process", ProcessHandle.current().pid());
        return told;
    }

    private static void sleep(Object milliseconds) {
        try {
            Thread.sleep(milliseconds instanceof Number number ? number.longValue() : 0);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
