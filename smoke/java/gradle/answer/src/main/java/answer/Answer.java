package answer;

/** What the function depends on. */
public class Answer {
    public static int plus(int more) {
        return 42 + more;
    }
}
