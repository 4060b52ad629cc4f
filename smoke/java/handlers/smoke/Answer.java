package smoke;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** A handler of streams, to show that what the build image compiles runs in the run image. */
public class Answer implements RequestStreamHandler {
    @Override
    public void handleRequest(InputStream event, OutputStream result, Context context) throws IOException {
        result.write("{\"answer\": 42}".getBytes(StandardCharsets.UTF_8));
    }
}
