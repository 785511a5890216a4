# Every optimizer of R torch against golden trajectories: what its equation gives, at every step, to the last bit or
# within the rounding of the equation. Cases on which a known departure bears are skipped under its name; leave `known`
# out to see them all, with what differs.
skip_if_not_installed("crossoptim")

for (name in c(crossoptim::golden_optimizers("r-torch"), crossoptim::golden_optimizers("r-torch-ignite"))) {
  for (case in crossoptim::golden_cases(name)) {
    test_that(paste(name, "follows", case), {
      crossoptim::expect_trajectory(case, getExportedValue("torch", name), known = crossoptim::known_quirks()$id)
    })
  }
}
