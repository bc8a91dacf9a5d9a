// The import zones pass silently where the linter cannot resolve an import. So: files that break them must be refused.
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import { expect, test } from "vitest";

const UI = fileURLToPath(new URL("../..", import.meta.url));

async function refusals(code: string, at: string): Promise<string[]> {
  // Types are none of this rule's business, and a file that exists only here has none.
  const linter = new ESLint({ cwd: UI, overrideConfig: { languageOptions: { parserOptions: { projectService: false, project: null } } }, ruleFilter: ({ ruleId }) => ruleId === "import-x/no-restricted-paths" });
  const [result] = await linter.lintText(code, { filePath: `${UI}src/${at}` });
  return (result?.messages ?? []).map((each) => each.ruleId ?? each.message);
}

test.each([
  ["a feature imports another feature", 'import { Palette } from "@/features/palette/palette"; export const x = Palette;', "features/rooms/fixture.tsx"],
  ["a feature imports the shell", 'import { Shell } from "@/app/shell"; export const x = Shell;', "features/rooms/fixture.tsx"],
  ["a primitive knows a feature", 'import { Palette } from "@/features/palette/palette"; export const x = Palette;', "components/fixture.tsx"],
  ["a primitive knows the state", 'import { useActions } from "@/state/context"; export const x = useActions;', "components/fixture.tsx"],
  ["the state knows a screen", 'import { Button } from "@/components/button"; export const x = Button;', "state/fixture.ts"],
  ["the client knows the state", 'import { INITIAL } from "@/state/state"; export const x = INITIAL;', "client/fixture.ts"],
])("refused: %s", async (_, code, at) => {
  expect(await refusals(code, at)).toEqual(["import-x/no-restricted-paths"]);
});

test("allowed: a feature imports primitives, state and itself", async () => {
  const code = 'import { Button } from "@/components/button"; import { useActions } from "@/state/context"; import { RoomList } from "@/features/rooms/room-list"; export const x = [Button, useActions, RoomList];';
  expect(await refusals(code, "features/rooms/fixture.tsx")).toEqual([]);
});
