package smoke;

/** A handler that is any method, of any object to any object, named as class::method. */
public class Plain {
    public static class Question {
        private int add;

        public int getAdd() {
            return add;
        }

        public void setAdd(int add) {
            this.add = add;
        }
    }

    public static class Result {
        private final int answer;

        Result(int answer) {
            this.answer = answer;
        }

        public int getAnswer() {
            return answer;
        }
    }

    public Result answer(Question question) {
        return new Result(42 + question.getAdd());
    }
}
