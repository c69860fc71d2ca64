import assert from "node:assert/strict";
import { VisitorPlaces } from "../../src/ingress/visitor_places.ts";
import { Counters } from "../../src/observe/counters.ts";
import { test } from "../harness.ts";
import { notedLogger } from "../support/noted_logger.ts";

function stage(options: { readonly maxConnections: number; readonly maxOpenFiles?: number }): {
  readonly places: VisitorPlaces;
  readonly limits: { maxConnections: number };
  readonly counters: Counters;
  readonly log: string[];
} {
  const log: string[] = [];
  const counters = new Counters();
  const limits = { maxConnections: options.maxConnections };
  const { maxOpenFiles } = options;
  return {
    places: new VisitorPlaces({ limits, counters, logger: notedLogger(log), maxOpenFiles }),
    limits,
    counters,
    log,
  };
}

/** Takes places until there is none. @returns how many there were */
function fill(places: VisitorPlaces, files = 1): number {
  let taken = 0;
  while (places.enter(files) === undefined) taken++;
  return taken;
}

const failure = (code: string): Error => Object.assign(new Error(code), { code });

test("VisitorPlaces takes as many visitors as permitted, and one for each that left", () => {
  const { places, limits, counters, log } = stage({ maxConnections: 3 });
  assert.equal(fill(places), 3);
  assert.equal(places.visitors, 3);
  places.leave();
  assert.equal(fill(places), 1);
  limits.maxConnections = 5;
  assert.equal(fill(places), 2);
  assert.equal(counters.get("limits_hit", "max_connections"), 3);
  assert.equal(counters.get("visitors_refused", "max_connections"), 3);
  assert.deepEqual(log, []);
});

test("VisitorPlaces keeps 256 open files for everything else, a quarter where there are few, and says so", () => {
  for (const [maxOpenFiles, expected] of [[2_000, 1_744], [1_024, 768], [100, 75], [1, 0]] as const) {
    const { places, counters, log } = stage({ maxConnections: 10_000, maxOpenFiles });
    assert.equal(fill(places), expected);
    assert.equal(counters.get("limits_hit", "open_files"), 1);
    assert.match(log.join(), new RegExp(`warn The system permits ${maxOpenFiles} open files: ${expected} `));
  }
});

test("VisitorPlaces says nothing where there are open files enough", () => {
  const { places, log } = stage({ maxConnections: 10, maxOpenFiles: 266 });
  assert.equal(fill(places), 10);
  assert.deepEqual(log, []);
});

test("VisitorPlaces counts what a visitor holds", () => {
  const { places } = stage({ maxConnections: 10_000, maxOpenFiles: 1_025 });
  assert.equal(fill(places, 2), 384);
  assert.equal(places.enter(1), undefined, "one is left, which does not suffice for two");
  assert.equal(places.enter(1), "open_files");
  places.leave(2);
  assert.equal(places.enter(2), undefined);
});

test("VisitorPlaces learns the system's limit from a failure, once, and keeps a reserve below it", () => {
  const { places, log, counters } = stage({ maxConnections: 10_000 });
  for (let visitor = 0; visitor < 80; visitor++) assert.equal(places.enter(), undefined);
  places.acceptFailed(failure("ECONNABORTED"));
  assert.equal(places.enter(), undefined);
  places.leave();
  for (let time = 0; time < 3; time++) {
    places.acceptFailed(new Error("Could not accept", { cause: failure("EMFILE") }));
  }
  assert.match(log.join(), /^warn No further file could be opened: from now on at most 60 are for visitors/);
  assert.equal(log.length, 1);
  assert.equal(places.enter(), "open_files");
  assert.equal(counters.get("visitors_refused", "open_files"), 1);
  for (let visitor = 0; visitor < 21; visitor++) places.leave();
  assert.equal(fill(places), 1, "as many again as there may be");
});

test("VisitorPlaces leaves a place to somebody, whatever else has used up the files", () => {
  const { places } = stage({ maxConnections: 10 });
  places.acceptFailed(failure("ENFILE"));
  assert.equal(fill(places), 1);
});
