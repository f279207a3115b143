import { defineConfig } from "vite";

// `npm run dev` serves the page with reloading and passes the API on to a service that runs already.
const service = process.env["LOCKSTEP_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  // A proxy may serve the page below any path.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    // A data: URL would be an extra source in the page's content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": service, "/healthz": service } },
});
