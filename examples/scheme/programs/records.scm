;; Records, and the errors that their procedures raise.
(define-record-type point (make-point x y) point? (x point-x set-point-x!) (y point-y))
(define-record-type <account> (make-account owner) account?
  (owner account-owner)
  (balance account-balance set-account-balance!))

(define p (make-point 3 4))
(write (list (point? p) (point? 5) (account? p))) (newline)
(write (sqrt (+ (square (point-x p)) (square (point-y p))))) (newline)
(set-point-x! p 10)
(write (point-x p)) (newline)
(display p) (newline)

(define a (make-account "Ada"))
(set-account-balance! a 100)

(define (withdraw! account amount)
  (if (> amount (account-balance account))
      (error "insufficient funds:" amount (account-balance account)))
  (set-account-balance! account (- (account-balance account) amount))
  (account-balance account))

(write (withdraw! a 30)) (newline)
(write (guard (e ((error-object? e) (list (error-object-message e) (error-object-irritants e))))
         (withdraw! a 300)))
(newline)
(write (guard (e (#t (display (error-object-message e)) 'caught)) (account-owner p)))
(newline)

;; A record that holds itself.
(define knot (make-point 1 2))
(set-point-x! knot knot)
(write (eq? knot (point-x (point-x knot)))) (newline)
