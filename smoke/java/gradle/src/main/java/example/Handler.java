package example;

import answer.Answer;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Collections;
import java.util.Map;

/** A function as Gradle packs it. */
public class Handler implements RequestHandler<Map<String, Integer>, Map<String, Integer>> {
    @Override
    public Map<String, Integer> handleRequest(Map<String, Integer> event, Context context) {
        return Collections.singletonMap("answer", Answer.plus(event.getOrDefault("add", 0)));
    }
}
