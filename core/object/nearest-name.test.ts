import assert from "node:assert/strict";
import { test } from "node:test";
import { didYouMean, nearestName } from "./nearest-name.ts";

const names = ["hourly", "nightly", "web1", "web2", "b"];

test("a typo's nearest name is the one that it takes the fewest edits to", () => {
  for (const typed of ["horuly", "hourl", "hourlyy", "hoirly", "Hourly"]) {
    assert.equal(nearestName(typed, names), "hourly", typed);
  }
  assert.equal(nearestName("nihgtly", names), "nightly");
  assert.equal(didYouMean("web12", ["web1"]), "Did you mean “web1”? ");
});

test("nothing is suggested where no name is near, two are as near, or a letter is all that there is", () => {
  for (const typed of ["daily-db", "web3", "web", "c", ""]) assert.equal(nearestName(typed, names), undefined, typed);
  assert.equal(didYouMean("c", names), "");
});
