import { hostname, userInfo } from 'node:os';

/** Who runs this process, for what others read later: `ada@laptop`. */
export function whoAmI(): string {
  return `${userName()}@${hostname()}`.slice(0, 200);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // Containers may run as a user that the system does not know.
    return `user-${process.getuid?.() ?? 'unknown'}`;
  }
}
