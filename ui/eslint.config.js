import { createNodeResolver, importX } from "eslint-plugin-import-x";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import tseslint from "typescript-eslint";

const features = readdirSync(new URL("./src/features", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

// app → features → {components, state} → {client, strings}; a feature imports no other feature.
const zones = [
  { target: "./src/client", from: ["./src/app", "./src/features", "./src/components", "./src/state"], message: "the client knows no screen and no state" },
  { target: "./src/strings", from: ["./src/app", "./src/features", "./src/components", "./src/state"], message: "the catalogue knows nothing but words" },
  { target: "./src/state", from: ["./src/app", "./src/features", "./src/components"], message: "state knows no screen" },
  { target: "./src/components", from: ["./src/app", "./src/features", "./src/state"], message: "primitives know no feature and no state" },
  { target: "./src/features", from: "./src/app", message: "a feature does not know where it is shown" },
  ...features.map((name) => ({
    target: `./src/features/${name}`,
    from: "./src/features",
    except: [`./${name}`],
    message: "a feature imports no other feature",
  })),
];

export default tseslint.config(
  { ignores: ["dist", "**/*.gen.ts", "eslint.config.js", "screenshots"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  a11y.flatConfigs.strict,
  hooks.configs.flat["recommended-latest"],
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "import-x": importX },
    settings: {
      // Without a resolver that knows `@/`, the zones below pass silently; tests/unit/zones.test.ts holds that they do not.
      "import-x/resolver-next": [
        createNodeResolver({
          extensions: [".ts", ".tsx", ".js"],
          alias: { "@": [fileURLToPath(new URL("./src", import.meta.url))] },
        }),
      ],
    },
    rules: {
      "import-x/no-restricted-paths": ["error", { basePath: import.meta.dirname, zones }],
      "import-x/no-cycle": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "jsx-a11y/no-autofocus": "off",
    },
  },
);
