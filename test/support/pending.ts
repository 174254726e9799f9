/** Leaves the running test pending, with the reason in its title. */
export function pendingBecause(context: Mocha.Context, reason: string): never {
  context.test!.title += ` (pending: ${reason})`;
  return context.skip();
}
