class UnknownArticleError(KeyError):
    """An error of the function's own."""

    def __str__(self):
        return "no article " + self.args[0]


PRICES = {"tea": 3, "cake": 4}


def total(articles):
    return sum(PRICES[article] for article in articles)
