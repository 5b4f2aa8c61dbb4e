//! Crash at every boundary. All cuts of 1,000 requests: `quorate-sim cuts`.

use quorate_sim::Cuts;

#[test]
fn crash_after_any_output_of_a_run_with_a_view_change_breaks_no_promise_and_all_goes_on() {
    // Some boundaries of a short run, and a few of the long one.
    let short = Cuts { clients: 2, requests: 12, stride: 3, ..Cuts::all() };
    let long = Cuts { stride: 997, ..Cuts::all() };
    for cuts in [short, long] {
        let report = cuts.run(|| {}).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(report.broken, None, "{cuts:?}");
        assert_eq!(report.requests, (cuts.clients * cuts.requests) as u64);
        assert!(report.view_changes >= 4, "all enter the new view: {report:?}");
        let boundaries: u64 = report.boundaries.iter().sum();
        // A run is cut up to its last reply.
        assert!(report.cuts >= boundaries * 8 / 10 / cuts.stride, "{report:?}");
    }
}
