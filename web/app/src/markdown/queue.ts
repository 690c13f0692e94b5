// Work that can wait, such as typesetting formulas: a few milliseconds of it in each frame, so that none is late.

const MILLISECONDS = 5;
const jobs = new Set<() => void>();
let scheduled = false;

/** In a task of its own, after the frame: with what the frame itself does it would be too long. */
function schedule() {
  if (!scheduled) requestAnimationFrame(() => setTimeout(work));
  scheduled = true;
}

function work() {
  const end = performance.now() + MILLISECONDS;
  scheduled = false;
  for (const job of jobs) {
    jobs.delete(job);
    job();
    if (performance.now() >= end) break;
  }
  if (jobs.size > 0) schedule();
}

function add(job: () => void) {
  jobs.add(job);
  schedule();
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
