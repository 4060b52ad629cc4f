import answer


def handler(event, context):
    return {"answer": answer.answer()}
