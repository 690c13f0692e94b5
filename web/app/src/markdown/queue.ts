// Work that can wait, such as typesetting formulas: a few milliseconds of it in each frame, so that none is late.

const MILLISECONDS = 5;
const jobs = new Set<() => void>();

/** In a task of its own, after the frame: with what the frame itself does it would be too long. */
const schedule = () => requestAnimationFrame(() => setTimeout(work));

function work() {
  const end = performance.now() + MILLISECONDS;
  for (const job of jobs) {
    jobs.delete(job);
    job();
    if (performance.now() >= end) break;
  }
  if (jobs.size > 0) schedule();
}

function add(job: () => void) {
  if (jobs.size === 0) schedule();
  jobs.add(job);
}

/** Does the job, with a module that is fetched for it, when there is time; gives a way to call it off. */
export function later<Module>(fetched: Promise<Module>, job: (module: Module) => void): () => void {
  let run: (() => void) | null = null;
  let wanted = true;
  const ready = (module: Module) => {
    run = () => job(module);
    if (wanted) add(run);
  };
  fetched.then(ready, () => {}); // what cannot be fetched leaves things as they are: sources, and code without colours
  return () => {
    wanted = false;
    if (run) jobs.delete(run);
  };
}
