import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlanMember } from "../../core/api/answers.ts";
import { storageIdSchema } from "../../core/api/ids.ts";
import { planRuleSchema } from "../../core/api/plan.ts";
import { idleText } from "./plan-members.ts";
import { plainStyle } from "./style.ts";

const webRule = planRuleSchema.parse({ kind: "vm", match: "web-*" });
const web1: PlanMember = { kind: "vm", id: storageIdSchema.parse("vm-1"), name: "web-1", because: "it is named" };
const idle = (members: readonly PlanMember[]) => idleText([webRule], { members, mirrors: new Map() }, plainStyle);

test("a rule that nothing fits is told apart from one whose objects other entries have", () => {
  assert.equal(idle([]), "Nothing fits these rules now:\n  vm web-*");
  assert.equal(idle([{ ...web1, name: "db" }]), "Nothing fits these rules now:\n  vm web-*");
  assert.equal(idle([web1]), "Nothing more fits these rules now, as other entries have it:\n  vm web-*");
  assert.equal(idle([{ ...web1, because: "vm web-*" }]), undefined);
});
