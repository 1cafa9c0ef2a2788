import type { FailoverState } from "../../core/api/failover/failover.ts";
import { makeBeside, makeThere, rollBackHere } from "./makes.ts";
import { toStartThere, wereOn } from "./objects.ts";
import { compareAt, compareHere, homeAfter, homeBefore, lookThere, startAt, stopAt, thereIn } from "./orders.ts";
import { placeBack, placeBefore, placeThere } from "./places.ts";
import { removeAtEnd, removeHere, removeThere } from "./removals.ts";
import { sendBack, sendThere } from "./sends.ts";
import type { StateWork } from "./work.ts";

/** Of a test it is made anew each time, and of others it is what stops say. */
const resume = startAt({ about: thereIn, objects: (deps, { stopsThere }) => wereOn(deps, stopsThere), asks: false });

/** What each state does; those that are absent wait, or have come to their end. */
export const works: Partial<Readonly<Record<FailoverState, StateWork>>> = {
  looking: lookThere,
  stopping: stopAt(homeBefore),
  sending: sendThere,
  comparing: compareAt({ about: homeBefore, with: ({ group }) => group }),
  rebuilding: makeThere,
  unmaking: removeThere(({ group }) => group),
  placing: placeThere,
  starting: startAt({ about: thereIn, objects: toStartThere, asks: true }),

  "stopping-there": stopAt(thereIn),
  "sending-back": sendBack,
  "comparing-there": compareAt({ about: thereIn, with: ({ backGroup }) => backGroup }),
  "comparing-here": compareHere,
  "rolling-back": rollBackHere,
  "rebuilding-beside": makeBeside,
  "unmaking-beside": removeHere,
  "placing-back": placeBack,
  "starting-here": startAt({
    about: homeAfter,
    objects: (deps, { stopsThere }) => wereOn(deps, stopsThere),
    asks: true,
  }),
  removing: removeAtEnd,

  "stopping-here": stopAt((failover) => (failover.backGroup ? homeAfter(failover) : homeBefore(failover))),
  "placing-again": placeThere,
  resuming: resume,
  clearing: removeHere,

  "undo-stopping": stopAt(thereIn),
  "undo-comparing": compareAt({ about: thereIn, with: ({ homeGroup }) => homeGroup }),
  "undo-looking": compareAt({ about: homeBefore, with: ({ homeGroup }) => homeGroup }),
  "undo-placing": placeBefore,
  "undo-starting": startAt({
    about: homeBefore,
    objects: (deps, { stopsHere }) => wereOn(deps, stopsHere),
    asks: false,
  }),
  "undo-removing": removeThere(({ homeGroup, discardChanges }) => (discardChanges ? undefined : homeGroup)),
};
