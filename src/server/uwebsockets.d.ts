// Stands before the package's own types, so that Pit compiles where the package was left out, and
// because those lack two forms of `listen` that Pit uses: uws-server.ts has what Pit knows of it.

declare module 'uWebSockets.js' {
  const uWS: unknown
  export default uWS
}
