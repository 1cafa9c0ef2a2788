import type { FailoverState } from "../api/failover/failover.ts";

/**
 * What a state does, for people: `home` is the site that the plan protects, `there` the one that it
 * fails over to.
 */
export const stateWords: Readonly<Record<FailoverState, string>> = {
  looking: "looks at what is in the way there",
  stopping: "switches machines off at home",
  confirming: "waits until a person says that LUNs, volumes and files are not used at home any more",
  sending: "sends the last difference there",
  comparing: "looks whether anything was written at home after that",
  rebuilding: "makes the objects there, switched off",
  unmaking: "removes what a try has made there",
  placing: "places the plan there",
  starting: "starts machines there, stage by stage",
  "failed-over": "rests: the plan is at the other site",
  "stopping-there": "switches machines off there",
  "confirming-back": "waits until a person says that LUNs, volumes and files are not used there any more",
  "sending-back": "sends home what differs",
  "comparing-there": "looks whether anything was written there after that",
  "comparing-here": "looks what at home is as it was left",
  "rolling-back": "makes that what was sent home",
  "rebuilding-beside": "makes new objects at home for what is not as it was left",
  "unmaking-beside": "removes what a try has made at home",
  "placing-back": "places the plan at home",
  "starting-here": "starts machines at home, stage by stage",
  removing: "removes what it made there and nobody has changed",
  home: "has ended: the plan is at home",
  "stopping-here": "switches machines off at home",
  "placing-again": "places the plan there",
  resuming: "starts machines there, stage by stage",
  clearing: "removes what it made at home and nobody has changed",
  "undo-stopping": "switches machines off there",
  "undo-comparing": "looks whether anything was written there since",
  "undo-looking": "looks whether everything is still at home",
  "undo-placing": "places the plan at home",
  "undo-starting": "starts at home what it has switched off",
  "undo-removing": "removes what it made there and nobody has changed",
  undone: "has ended: as if nothing had been",
  testing: "rests until the test is over",
  removed: "has ended: the test is removed",
};
