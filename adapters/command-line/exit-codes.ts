/** The exit codes of the process. */
export const exitCodes = {
  ok: 0,
  /** A mistake in the configuration or in what the command was given. */
  mistake: 1,
  /** Unknown commands, unknown options, missing arguments, values that an option cannot have. */
  usage: 2,
  /** It began, and something failed. */
  failed: 3,
  /** What was measured is more than was allowed. */
  exceeded: 4,
  interrupted: 130,
} as const;

export const exitCodesHelp = `
Exit codes:
  0    done
  1    a mistake in the configuration or in the input
  2    wrong usage
  3    failed while running
  4    more skew than --allow
  130  interrupted`;
