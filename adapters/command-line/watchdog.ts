/**
 * A process that ends its parent, `vivace`, after a time, whatever the parent's libraries do: a timer of its own does not fire while its
 * thread is busy, and none does once Node waits for native threads in order to exit. It ends with the parent.
 *
 * It sends SIGINT first, which leaves exit code 130 where the parent no longer listens to it, then SIGKILL.
 */
const killMs = 200;
const parent = process.ppid;

process.stdin.on('close', () => process.exit()).resume();
setTimeout(() => {
  end('SIGINT');
  setTimeout(() => end('SIGKILL'), killMs);
}, Number(process.argv[2]));

function end(signal: NodeJS.Signals): void {
  try {
    process.kill(parent, signal);
  } catch {
    process.exit();
  }
}
