/* What the function asks by P/Invoke. */
int answer(void) { return 42; }
